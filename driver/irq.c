// SPDX-License-Identifier: GPL-2.0-only
/* MSI-X: one vector for changes among the peers, one for each VM's doorbell. */
#include <linux/interrupt.h>

#include "hgshm.h"

static irqreturn_t hgshm_interrupt(int irq, void *data)
{
	struct hgshm_vector *vector = data;

	WRITE_ONCE(vector->interrupts, vector->interrupts + 1);
	if (vector->number == HGSHM_VECTOR_PEERS)
		hgshm_peers_refresh(vector->hd, NULL);
	hgshm_events_record(vector->hd, vector->number);
	return IRQ_HANDLED;
}

static void hgshm_vector_init(struct hgshm_device *hd, u32 number)
{
	struct hgshm_vector *vector = &hd->vectors[number];

	vector->hd = hd;
	vector->number = number;
	if (number == HGSHM_VECTOR_PEERS)
		snprintf(vector->name, sizeof(vector->name), HGSHM_NAME "%d-peers",
			 hd->minor);
	else
		snprintf(vector->name, sizeof(vector->name), HGSHM_NAME "%d-vm%u",
			 hd->minor, number - HGSHM_VECTOR_DOORBELL(0));
}

static void hgshm_irqs_free_first(struct hgshm_device *hd, u32 count)
{
	while (count--)
		free_irq(pci_irq_vector(hd->pdev, count), &hd->vectors[count]);
}

int hgshm_irqs_request(struct hgshm_device *hd)
{
	u32 vectors = hd->identity.vectors;
	struct pci_dev *pdev = hd->pdev;
	int ret;
	u32 i;

	/* All or none: with fewer, some peer could ring and never be heard. */
	ret = pci_alloc_irq_vectors(pdev, vectors, vectors, PCI_IRQ_MSIX);
	if (ret < 0) {
		dev_err(&pdev->dev, "a group of %u needs %u MSI-X vectors, the system does not give so many: error %d\n",
			hd->identity.clients, vectors, ret);
		return ret;
	}

	for (i = 0; i < vectors; i++) {
		hgshm_vector_init(hd, i);
		ret = request_irq(pci_irq_vector(pdev, i), hgshm_interrupt, 0,
				  hd->vectors[i].name, &hd->vectors[i]);
		if (ret) {
			dev_err(&pdev->dev, "cannot get the interrupt of MSI-X vector %u: error %d\n",
				i, ret);
			goto free_requested;
		}
	}
	return 0;

free_requested:
	hgshm_irqs_free_first(hd, i);
	pci_free_irq_vectors(pdev);
	return ret;
}

void hgshm_irqs_free(struct hgshm_device *hd)
{
	hgshm_irqs_free_first(hd, hd->identity.vectors);
	pci_free_irq_vectors(hd->pdev);
}
